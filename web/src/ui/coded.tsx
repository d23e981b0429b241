/** A sentence in which `this` is code. */
import { Fragment } from "react";

export function Coded({ text }: { text: string }) {
  // An odd one at the end is a letter like any other.
  const parts = text.split(/`([^`\n]+)`/);
  return (
    <>
      {parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : <Fragment key={index}>{part}</Fragment>))}
    </>
  );
}
