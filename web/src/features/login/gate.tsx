/** Lets in who is known: takes the one-time link, else asks for name and password or a token. */
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { onSignedOut, Problem, write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { remember } from "~/lib/stored";
import { Button } from "~/ui/button";
import { Coded } from "~/ui/coded";
import { Icon, Mark } from "~/ui/icon";

/**
 * The token of the printed link; it leaves the address at once, so that it is in no history. The project
 * that the server was started in is the one that is shown.
 */
function takeToken(): string | null {
  const hash = new URLSearchParams(location.hash.replace(/^#/, ""));
  const search = new URLSearchParams(location.search);
  const token = hash.get("token") ?? hash.get("link") ?? search.get("token") ?? search.get("link");
  if (!token) return null;
  const project = search.get("project");
  if (project) remember("project", project);
  for (const name of ["token", "link", "project"]) search.delete(name);
  const rest = search.toString();
  history.replaceState(null, "", `${location.pathname}${rest ? `?${rest}` : ""}`);
  return token;
}

const brought = takeToken();

export function Gate({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const [state, setState] = useState<"entering" | "in" | "out">(brought ? "entering" : "in");
  const [detail, setDetail] = useState<string | null>(null);

  useEffect(() => onSignedOut(() => setState((now) => (now === "in" ? "out" : now))), []);

  useEffect(() => {
    if (!brought) return;
    write("POST", endpoints.link(), { token: brought })
      .then(() => setState("in"))
      .catch((error: unknown) => {
        const problem = error instanceof Problem ? error : null;
        // Who is in already needs no link, old or new.
        setDetail(problem && !problem.isOffline ? "This link was used already, or is too old. `baton serve` prints a new one when it starts." : (problem?.detail ?? null));
        setState("out");
      });
  }, []);

  if (state === "entering") return <div className="gate" aria-busy="true" />;
  if (state === "in") return <>{children}</>;
  return (
    <SignIn
      detail={detail}
      onIn={() => {
        setDetail(null);
        setState("in");
        void cache.resetQueries();
      }}
    />
  );
}

function SignIn({ detail, onIn }: { detail: string | null; onIn: () => void }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [token, setToken] = useState("");
  const [by, setBy] = useState<"password" | "token">("token");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(detail);

  // Another tab may have signed in meanwhile.
  useEffect(() => {
    const look = () => {
      if (document.visibilityState !== "visible") return;
      fetch(endpoints.me(), { credentials: "same-origin" })
        .then((answer) => answer.ok && onIn())
        .catch(() => undefined);
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [onIn]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      if (by === "token") await write("POST", endpoints.link(), { token: token.trim() });
      else await write("POST", endpoints.login(), { username, password });
      onIn();
    } catch (error) {
      const known = error instanceof Problem ? error : null;
      setProblem(known?.status === 401 || known?.status === 403 ? "That does not fit. Look at it once more." : (known?.detail ?? "It did not work."));
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="gate">
      <form className="gate-in" onSubmit={submit}>
        <div className="brand">
          <Mark />
          Baton
        </div>
        <h1>Sign in</h1>
        <p className="soft">
          Open the link that <code>baton serve</code> prints when it starts, or give a token.
        </p>
        {problem ? (
          <div className="sum" role="alert">
            <Icon name="warn" />
            <span>
              <Coded text={problem} />
            </span>
          </div>
        ) : null}
        {by === "token" ? (
          <div className="field">
            <label htmlFor="token">Token</label>
            <input id="token" className="input mono" type="password" autoComplete="off" value={token} onChange={(event) => setToken(event.target.value)} required />
          </div>
        ) : (
          <>
            <div className="field">
              <label htmlFor="username">Name</label>
              <input id="username" className="input" autoComplete="username" value={username} onChange={(event) => setUsername(event.target.value)} required />
            </div>
            <div className="field">
              <label htmlFor="password">Password</label>
              <input id="password" className="input" type="password" autoComplete="current-password" value={password} onChange={(event) => setPassword(event.target.value)} required />
            </div>
          </>
        )}
        <div className="row">
          <Button kind="pri" size="lg" type="submit" busy={busy}>
            Sign in
          </Button>
          <Button kind="ghost" onClick={() => setBy(by === "token" ? "password" : "token")}>
            {by === "token" ? "With name and password" : "With a token"}
          </Button>
        </div>
      </form>
    </main>
  );
}
