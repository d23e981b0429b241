/** What this browser keeps: its theme, notifications, and who is signed in. */
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { useMe } from "~/features/project/use-project";
import { applyTheme, remember, useStored } from "~/lib/stored";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Segmented } from "~/ui/tabs";
import { useRefusal, useToast } from "~/ui/toast";
import { Part } from "./part";

export function Browser() {
  const theme = useStored("theme") ?? "system";
  const me = useMe();
  const toast = useToast();
  const refused = useRefusal();
  const [permission, setPermission] = useState(typeof Notification === "undefined" ? "unsupported" : Notification.permission);
  return (
    <>
      <Part title="Theme" text="Light, dark, or as the system is.">
        <div>
          <Segmented
            label="Theme"
            value={theme}
            options={[
              { value: "system", label: "System" },
              { value: "light", label: "Light" },
              { value: "dark", label: "Dark" },
            ]}
            onPick={(picked) => {
              remember("theme", picked === "system" ? null : picked);
              applyTheme();
            }}
          />
        </div>
      </Part>
      <Part title="Notifications" text="When a run begins to need you and this page is not in front.">
        <div className="row">
          {permission === "granted" ? (
            <Badge state="done" words="On" />
          ) : permission === "default" ? (
            <Button onClick={() => void Notification.requestPermission().then(setPermission)}>Allow notifications</Button>
          ) : (
            <span className="muted">{permission === "denied" ? "The browser has them forbidden for this page; its own settings can allow them." : "This browser has none."}</span>
          )}
        </div>
      </Part>
      <Part title="Session" text={me ? `Signed in as ${me.name ?? me.username ?? "local"}, ${me.role}.` : "Signed in."}>
        <div>
          <Button
            onClick={() => {
              write("POST", endpoints.logout(), {})
                .then(() => location.assign("/"))
                .catch((error: unknown) => refused(error, "You are still signed in"));
              toast({ title: "Signing out" });
            }}
          >
            Sign out
          </Button>
        </div>
      </Part>
    </>
  );
}
