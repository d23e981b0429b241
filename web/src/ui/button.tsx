/** Buttons. One that is disabled says why when it is looked at and when it is pressed, so it stays focusable. */
import type { ButtonHTMLAttributes, ReactNode } from "react";
import type { Can } from "~/lib/run-can";
import { Icon, type IconName } from "./icon";
import { Tip } from "./tip";
import { useToast } from "./use-toast";

interface Props extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "disabled"> {
  kind?: "default" | "pri" | "ghost" | "bad";
  size?: "sm" | "md" | "lg";
  icon?: IconName;
  /** The name of a button that shows only its icon. */
  label?: string;
  keys?: string;
  can?: Can;
  busy?: boolean;
  children?: ReactNode;
}

export function Button({ kind = "default", size = "md", icon, label, keys, can = true, busy = false, children, onClick, className = "", ...rest }: Props) {
  const toast = useToast();
  const off = can !== true || busy;
  const classes = ["btn", kind !== "default" ? `btn--${kind}` : "", size !== "md" ? `btn--${size}` : "", children ? "" : "btn--icon", className];
  const button = (
    <button
      type="button"
      className={classes.filter(Boolean).join(" ")}
      aria-label={label}
      aria-disabled={off || undefined}
      aria-busy={busy || undefined}
      {...rest}
      onClick={(event) => {
        if (!off) onClick?.(event);
        else {
          event.preventDefault();
          // A hint needs a pointer that hovers; a finger only presses.
          if (can !== true) toast({ title: can });
        }
      }}
    >
      {busy ? <Icon name="running" size="sm" /> : icon ? <Icon name={icon} size="sm" /> : null}
      {children}
      {keys && can === true ? <kbd aria-hidden="true">{keys}</kbd> : null}
    </button>
  );
  const why = can !== true ? can : children ? undefined : label;
  return why ? <Tip text={why}>{button}</Tip> : button;
}
