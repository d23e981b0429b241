/** Saves what the server sends as a file. */
import { send } from "./client";

export async function download(path: string, name: string, accept = "text/plain"): Promise<void> {
  const response = await send(path, { headers: { accept } });
  const address = URL.createObjectURL(new Blob([await response.blob()], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name.replaceAll(/[\\/:*?"<>|]/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
