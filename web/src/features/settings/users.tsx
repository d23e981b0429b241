/** Users and their roles. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { queries } from "~/api/queries";
import { Button } from "~/ui/button";
import { Pick } from "~/ui/menu";
import { Failure, Skeleton } from "~/ui/state";
import { useRefusal } from "~/ui/toast";
import { Part } from "./part";

interface User {
  id: string;
  username?: string;
  name?: string;
  role: "viewer" | "operator" | "admin";
}

const roles = [
  { value: "viewer" as const, label: "viewer", hint: "Looks" },
  { value: "operator" as const, label: "operator", hint: "Starts, answers, pauses, cancels" },
  { value: "admin" as const, label: "admin", hint: "Also users, tokens and webhooks" },
];

export function Users() {
  const cache = useQueryClient();
  const refused = useRefusal();
  const users = useQuery(queries.data<User[]>(endpoints.users()));
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<User["role"]>("operator");
  if (users.error) return <Failure error={users.error} what="The list of users" />;
  if (!users.data) return <Skeleton />;
  const again = () => cache.invalidateQueries({ queryKey: ["data", endpoints.users()] });
  const change = (user: User, body: unknown) =>
    write("PATCH", `${endpoints.users()}/${encodeURIComponent(user.id)}`, body).then(again).catch((error: unknown) => refused(error, "It was not changed"));
  const add = async () => {
    try {
      await write("POST", endpoints.users(), { username: username.trim(), password, role });
      setUsername("");
      setPassword("");
      await again();
    } catch (error) {
      refused(error, "The user was not added");
    }
  };
  return (
    <Part title="Users" text="Who may look, act and administer.">
      <ul className="set-list">
        {users.data.map((user) => (
          <li key={user.id}>
            <div className="grow medium">{user.username ?? user.name ?? user.id}</div>
            <Pick small label={`Role of ${user.username ?? user.name ?? user.id}`} value={user.role} options={roles} onPick={(picked) => void change(user, { role: picked })} />
          </li>
        ))}
      </ul>
      <form
        className="row set-add wrap"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <input className="input" aria-label="Name" placeholder="Name" autoComplete="off" value={username} onChange={(event) => setUsername(event.target.value)} />
        <input className="input" aria-label="Password" placeholder="Password" type="password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} />
        <Pick label="Role" value={role} options={roles} onPick={setRole} />
        <Button type="submit" icon="plus" can={username.trim() && password ? true : "Write name and password first"}>
          Add
        </Button>
      </form>
    </Part>
  );
}
