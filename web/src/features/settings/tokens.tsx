/** Tokens for programs: the value is shown once. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { queries } from "~/api/queries";
import type { Role, Token, User } from "~/api/types";
import { useMe } from "~/features/project/use-project";
import { useNow } from "~/lib/now";
import { dayAndTime } from "~/lib/format";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Confirm } from "~/ui/dialog";
import { Pick } from "~/ui/menu";
import { Ago } from "~/ui/time";
import { AddForm, Listing, Once, Part, useListing } from "./part";
import { roles } from "./users";

const DAY = 86_400_000;
const lives = [
  { value: "7", label: "ends in 7 days" },
  { value: "30", label: "ends in 30 days" },
  { value: "90", label: "ends in 90 days" },
  { value: "365", label: "ends in a year" },
  { value: "", label: "never ends" },
] as const;

export function Tokens() {
  const me = useMe();
  const own = me?.role ?? "viewer";
  const tokens = useListing<Token>(endpoints.tokens());
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role | null>(null);
  const [life, setLife] = useState<(typeof lives)[number]["value"]>("90");
  const [made, setMade] = useState<string | null>(null);
  const [removing, setRemoving] = useState<Token | null>(null);
  // An admin sees everybody's.
  const users = useQuery({ ...queries.data<User[]>(endpoints.users()), enabled: own === "admin" });
  const at = roles.findIndex((each) => each.value === own);
  const most = roles.map((each, index) => (index <= at ? each : { ...each, can: "A token gives at most what you may yourself" }));
  const make = async () => {
    const ends = life ? new Date(Date.now() + Number(life) * DAY).toISOString() : undefined;
    const { data } = await write<{ data: Token }>("POST", endpoints.tokens(), { name: name.trim(), role: role ?? own, ...(ends ? { expires_at: ends } : {}) });
    setMade(data.token ?? null);
    setName("");
    await tokens.again();
  };
  const owner = (token: Token) => (token.user_id === me?.id ? "" : (users.data?.find((user) => user.id === token.user_id)?.username ?? ""));
  return (
    <Part
      title="Tokens"
      text={
        <>
          For programs: as <code>Authorization: Bearer …</code> or <code>x-api-key</code>.
        </>
      }
    >
      {made ? <Once text="Copy it now: it is not shown again." value={made} onDone={() => setMade(null)} /> : null}
      <Listing
        of={tokens}
        what="The list of tokens"
        none="There is none yet."
        row={(token) => (
          <div className="row">
            <div className="grow">
              <div className="medium anywhere">{token.name}</div>
              <div className="sub">
                {owner(token) ? `${owner(token)}, ` : ""}
                {token.role}, made <Ago at={token.created_at} />
                <Ends at={token.expires_at} />
              </div>
            </div>
            <Button size="sm" kind="ghost" onClick={() => setRemoving(token)}>
              Revoke
            </Button>
          </div>
        )}
      />
      <AddForm label="Make a token" can={name.trim() ? true : "Write what it is for first"} onAdd={make}>
        <input className="input" aria-label="Name of the token" placeholder="What it is for" value={name} onChange={(event) => setName(event.target.value)} />
        <Pick label="Role of the token" value={role ?? own} options={most} onPick={setRole} />
        <Pick label="How long" value={life} options={[...lives]} onPick={setLife} />
      </AddForm>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        onConfirm={() => removing && tokens.change(write("DELETE", endpoints.token(removing.id)), "It was not revoked")}
        title={`Revoke ${removing?.name ?? "this token"}?`}
        text="Programs that use it are refused from now on."
        act="Revoke token"
        bad
      />
    </Part>
  );
}

function Ends({ at }: { at: string | null }) {
  const now = useNow(at !== null);
  if (at === null) return <>, never ends</>;
  if (Date.parse(at) > now) return <>{`, ends ${dayAndTime(at)}`}</>;
  return (
    <>
      {" "}
      <Badge state="cancelled" words="Ended" />
    </>
  );
}
