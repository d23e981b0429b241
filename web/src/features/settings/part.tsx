/** A part of the settings. */
import type { ReactNode } from "react";

export function Part({ title, text, children, end }: { title: string; text?: ReactNode; children?: ReactNode; end?: ReactNode }) {
  return (
    <section className="set-part">
      <div className="row">
        <h2>{title}</h2>
        <span className="grow" />
        {end}
      </div>
      {text ? <p className="soft">{text}</p> : null}
      {children}
    </section>
  );
}
