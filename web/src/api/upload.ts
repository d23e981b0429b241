/** Sends a file and tells how much of it has gone, which `fetch` cannot. */
import { offline, refusal } from "./client";
import { endpoints } from "./endpoints";
import type { Artifact } from "./types";

export function upload(run: string, step: string, file: File, onShare: (share: number) => void): Promise<Artifact> {
  const form = new FormData();
  form.append("step_id", step);
  form.append("name", file.name);
  form.append("file", file);
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", endpoints.uploads(run));
    request.setRequestHeader("accept", "application/json");
    request.upload.onprogress = (event) => onShare(event.total > 0 ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status < 200 || request.status > 299) failed(refusal(request.status, request.responseText));
      else done((JSON.parse(request.responseText) as { data: Artifact }).data);
    };
    request.onerror = () => failed(offline());
    request.send(form);
  });
}
