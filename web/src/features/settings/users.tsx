/** Users, their roles, and whether they may sign in. */
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import type { Role, User } from "~/api/types";
import { useMe } from "~/features/project/use-project";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Confirm, Dialog } from "~/ui/dialog";
import { Menu, Pick } from "~/ui/menu";
import { AddForm, Listing, Part, useListing } from "./part";

export const roles = [
  { value: "viewer" as const, label: "viewer", hint: "Looks" },
  { value: "operator" as const, label: "operator", hint: "Starts, answers, pauses, cancels" },
  { value: "admin" as const, label: "admin", hint: "Also users, projects, tokens of others and webhooks" },
];

/** The server asks for as many; it has the last word. */
const SHORTEST = 10;

export function Users() {
  const me = useMe();
  const users = useListing<User>(endpoints.users());
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const [removing, setRemoving] = useState<User | null>(null);
  const [renewing, setRenewing] = useState<User | null>(null);
  const change = (user: User, body: object) => users.change(write("PATCH", endpoints.user(user.id), body), `${user.username} was not changed`);
  const add = async () => {
    await write("POST", endpoints.users(), { username: username.trim(), role, ...(password ? { password } : {}) });
    setUsername("");
    setPassword("");
    await users.again();
  };
  return (
    <Part title="Users" text="Who may look, act and administer. Without a password somebody gets in with a token only.">
      <Listing
        of={users}
        what="The list of users"
        none="There is nobody yet."
        row={(user) => (
          <div className="row">
            <div className="grow">
              <div className="medium anywhere">
                {user.username} {user.id === me?.id ? <span className="pill">you</span> : null} {user.disabled ? <Badge state="paused" words="Kept out" /> : null}
              </div>
              <div className="sub">{[user.name === user.username ? "" : user.name, user.has_password ? "" : "no password"].filter(Boolean).join(", ")}</div>
            </div>
            <Pick small label={`Role of ${user.username}`} value={user.role} options={roles} onPick={(picked) => change(user, { role: picked })} />
            <Menu
              label={`More for ${user.username}`}
              align="end"
              trigger={<Button kind="ghost" size="sm" icon="more" label={`More for ${user.username}`} />}
              items={[
                { key: "password", label: "Set a password…", onSelect: () => setRenewing(user) },
                { key: "disable", label: user.disabled ? "Let in again" : "Keep out", hint: user.disabled ? "" : "Ends sessions and tokens, keeps the name", onSelect: () => change(user, { disabled: !user.disabled }) },
                "line",
                { key: "remove", label: "Remove…", bad: true, onSelect: () => setRemoving(user) },
              ]}
            />
          </div>
        )}
      />
      <AddForm label="Add user" can={username.trim() ? true : "Write a username first"} onAdd={add}>
        <input className="input" aria-label="Username" placeholder="Username" autoComplete="off" value={username} onChange={(event) => setUsername(event.target.value)} />
        <input className="input" aria-label="Password" placeholder="Password" type="password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} />
        <Pick label="Role" value={role} options={roles} onPick={setRole} />
      </AddForm>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        onConfirm={() => removing && users.change(write("DELETE", endpoints.user(removing.id)), `${removing.username} was not removed`)}
        title={`Remove ${removing?.username ?? ""}?`}
        text="Sessions and tokens end at once. Runs, messages and the audit trail keep the name."
        act="Remove user"
        bad
      />
      {renewing ? <Password user={renewing} onClose={() => setRenewing(null)} onDone={() => void users.again()} /> : null}
    </Part>
  );
}

function Password({ user, onClose, onDone }: { user: User; onClose: () => void; onDone: () => void }) {
  const [password, setPassword] = useState("");
  const save = async () => {
    await write("PATCH", endpoints.user(user.id), { password });
    onDone();
    onClose();
  };
  return (
    <Dialog open onClose={onClose} size="sm" title={`A password for ${user.username}`}>
      <div className="dialog-b">
        <p className="soft">Sessions begun with the old one end.</p>
        <AddForm label="Set password" can={[...password].length >= SHORTEST ? true : `At least ${SHORTEST} characters`} onAdd={save}>
          <input className="input" autoFocus aria-label="New password" type="password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} />
        </AddForm>
      </div>
    </Dialog>
  );
}
