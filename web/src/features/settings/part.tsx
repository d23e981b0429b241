/** What the settings are made of: parts, lists of the server's, and forms that add to them. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Problem } from "~/api/client";
import { queries } from "~/api/queries";
import type { Can } from "~/lib/run-can";
import { Button } from "~/ui/button";
import { Coded } from "~/ui/coded";
import { Copy } from "~/ui/copy";
import { Icon } from "~/ui/icon";
import { Failure, Skeleton } from "~/ui/state";
import { useRefusal } from "~/ui/toast";

export function Part({ title, text, children, end }: { title: string; text?: ReactNode; children?: ReactNode; end?: ReactNode }) {
  return (
    <section className="set-part">
      <div className="row">
        <h2>{title}</h2>
        <span className="grow" />
        {end}
      </div>
      {text ? <p className="soft">{typeof text === "string" ? <Coded text={text} /> : text}</p> : null}
      {children}
    </section>
  );
}

/** A list at a path of the server. */
export function useListing<T>(path: string) {
  const cache = useQueryClient();
  const refused = useRefusal();
  const { data, error, refetch } = useQuery(queries.data<T[]>(path));
  const again = () => cache.invalidateQueries({ queryKey: ["data", path] });
  /** Carries a wish out and reads the list again; what is refused is said. */
  const change = (wish: Promise<unknown>, otherwise: string) => void wish.then(again).catch((problem: unknown) => refused(problem, otherwise));
  return { rows: data, error, retry: () => void refetch(), again, change };
}

interface ListingProps<T> {
  of: { rows: T[] | undefined; error: unknown; retry: () => void };
  what: string;
  none: string;
  row: (each: T) => ReactNode;
}

export function Listing<T extends { id: string }>({ of, what, none, row }: ListingProps<T>) {
  if (of.error && !of.rows) return <Failure error={of.error} what={what} retry={of.retry} />;
  if (!of.rows) return <Skeleton rows={3} />;
  if (of.rows.length === 0) return <p className="muted">{none}</p>;
  return (
    <ul className="set-list">
      {of.rows.map((each) => (
        <li key={each.id} className="set-tall">
          {row(each)}
        </li>
      ))}
    </ul>
  );
}

/** Fields and the button that adds; what the server refuses stands below them, and nothing typed is lost. */
export function AddForm({ label, can, onAdd, children }: { label: string; can: Can; onAdd: () => Promise<unknown>; children: ReactNode }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (can !== true || busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await onAdd();
    } catch (error) {
      setProblem(error instanceof Problem ? (error.errors[0]?.detail ?? error.detail) : "It did not work.");
    }
    setBusy(false);
  };
  return (
    <form className="set-form" onSubmit={(event) => void submit(event)}>
      <div className="row set-add wrap">
        {children}
        <Button type="submit" icon="plus" busy={busy} can={can}>
          {label}
        </Button>
      </div>
      {problem ? (
        <p className="set-problem" role="alert">
          <Icon name="warn" size="sm" />
          {problem}
        </p>
      ) : null}
    </form>
  );
}

/** What is shown this once. */
export function Once({ text, value, onDone }: { text: string; value: string; onDone: () => void }) {
  return (
    <div className="once" role="status">
      <div className="row">
        <p className="medium grow">{text}</p>
        <Button kind="ghost" size="sm" icon="close" label="I have it" onClick={onDone} />
      </div>
      <Copy text={value} />
    </div>
  );
}
