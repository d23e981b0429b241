/** Tokens for programs: the value is shown once. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { queries } from "~/api/queries";
import { Button } from "~/ui/button";
import { Copy } from "~/ui/copy";
import { Confirm } from "~/ui/dialog";
import { Failure, Skeleton } from "~/ui/state";
import { Ago } from "~/ui/time";
import { useRefusal } from "~/ui/toast";
import { Part } from "./part";

interface Token {
  id: string;
  name?: string | null;
  role?: string | null;
  created_at?: string | null;
  last_used_at?: string | null;
  expires_at?: string | null;
}

export function Tokens() {
  const cache = useQueryClient();
  const refused = useRefusal();
  const tokens = useQuery(queries.data<Token[]>(endpoints.tokens()));
  const [name, setName] = useState("");
  const [made, setMade] = useState<string | null>(null);
  const [removing, setRemoving] = useState<Token | null>(null);
  if (tokens.error) return <Failure error={tokens.error} what="The list of tokens" />;
  if (!tokens.data) return <Skeleton />;
  const again = () => cache.invalidateQueries({ queryKey: ["data", endpoints.tokens()] });
  const make = async () => {
    try {
      const answer = await write<{ data: { token?: string; value?: string } }>("POST", endpoints.tokens(), { name: name.trim() });
      setMade(answer.data.token ?? answer.data.value ?? null);
      setName("");
      await again();
    } catch (error) {
      refused(error, "No token was made");
    }
  };
  return (
    <Part title="Tokens" text="For programs: as a bearer token, or in x-api-key.">
      {made ? (
        <div className="once">
          <p className="medium">Copy it now: it is not shown again.</p>
          <Copy text={made} />
        </div>
      ) : null}
      <ul className="set-list">
        {tokens.data.map((token) => (
          <li key={token.id}>
            <div className="grow">
              <div className="medium">{token.name ?? token.id}</div>
              <div className="sub">
                {token.role ? `${token.role}, ` : ""}
                {token.last_used_at ? (
                  <>
                    used <Ago at={token.last_used_at} />
                  </>
                ) : (
                  "never used"
                )}
              </div>
            </div>
            <Button size="sm" kind="ghost" onClick={() => setRemoving(token)}>
              Revoke
            </Button>
          </li>
        ))}
      </ul>
      <form
        className="row set-add"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <input className="input" aria-label="Name of the token" placeholder="What it is for" value={name} onChange={(event) => setName(event.target.value)} />
        <Button type="submit" icon="plus" can={name.trim() ? true : "Write what it is for first"}>
          Make a token
        </Button>
      </form>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        onConfirm={() => {
          if (removing) write("DELETE", endpoints.token(removing.id)).then(again).catch((error: unknown) => refused(error, "It was not revoked"));
        }}
        title={`Revoke ${removing?.name ?? "this token"}?`}
        text="Programs that use it are refused from now on."
        act="Revoke token"
        bad
      />
    </Part>
  );
}
