/** The members of a project: with none it is everybody's, else theirs and the admins'. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { queries } from "~/api/queries";
import type { Member, Project, Role, User } from "~/api/types";
import { Button } from "~/ui/button";
import { Pick } from "~/ui/menu";
import { AddForm, Listing, useListing } from "./part";
import { roles } from "./users";

const ADMIN = "Only an admin says who the members are";
// Admins see every project anyway.
const given = roles.filter((each) => each.value !== "admin");

export function Members({ project, isAdmin }: { project: Project; isAdmin: boolean }) {
  const path = endpoints.members(project.id);
  const members = useListing<Member>(path);
  const users = useQuery({ ...queries.data<User[]>(endpoints.users()), enabled: isAdmin });
  const [picked, setPicked] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const rows = members.rows ?? [];
  const put = (wanted: { user_id: string; role: Role }[]) => write("PUT", path, { members: wanted.map(({ user_id, role }) => ({ user_id, role })) });
  const others = (users.data ?? []).filter((user) => user.role !== "admin" && !rows.some((member) => member.user_id === user.id));
  const add = async () => {
    await put([...rows, { user_id: picked, role }]);
    setPicked("");
    await members.again();
  };
  return (
    <div className="set-sub">
      <Listing
        of={{ ...members, rows: members.rows?.map((member) => ({ ...member, id: member.user_id })) }}
        what="The list of members"
        none="It is everybody's. With a first member it is the members' and the admins' alone."
        row={(member) => (
          <div className="row">
            <span className="grow anywhere">{member.username}</span>
            {isAdmin ? (
              <>
                <Pick
                  small
                  label={`Role of ${member.username} here`}
                  value={member.role}
                  options={given}
                  onPick={(next) => members.change(put(rows.map((each) => (each.user_id === member.user_id ? { ...each, role: next } : each))), "It was not changed")}
                />
                <Button size="sm" kind="ghost" onClick={() => members.change(put(rows.filter((each) => each.user_id !== member.user_id)), `${member.username} was not removed`)}>
                  Remove
                </Button>
              </>
            ) : (
              <span className="muted">{member.role}</span>
            )}
          </div>
        )}
      />
      <AddForm label="Add member" can={!isAdmin ? ADMIN : picked ? true : others.length > 0 ? "Choose somebody first" : "There is nobody else: add a user first"} onAdd={add}>
        <Pick label="Who" value={picked} options={[{ value: "", label: "Choose a user" }, ...others.map((user) => ({ value: user.id, label: user.username }))]} onPick={setPicked} />
        <Pick label="Role here" value={role} options={given} onPick={setRole} />
      </AddForm>
    </div>
  );
}
