/** A field that finds something on the page: `/` comes to it, Escape empties and leaves it. */
import { useRef } from "react";
import { useShortcuts } from "~/lib/shortcuts";
import { Icon } from "./icon";

interface Find {
  /** What it does, for screen readers and the help of shortcuts. */
  label: string;
  /** Shown while it is empty; the label, if none is given. */
  placeholder?: string;
  value: string;
  onChange: (value: string) => void;
  /** Enter: forward; with Shift: back. Without it Enter leaves the field, so that keys are shortcuts again. */
  onNext?: (step: 1 | -1) => void;
  /** What was found, in words. */
  status?: string;
  small?: boolean;
  className?: string;
}

export function Find({ label, placeholder = label, value, onChange, onNext, status, small = false, className = "" }: Find) {
  const field = useRef<HTMLInputElement>(null);
  useShortcuts([{ keys: "/", does: label, run: () => field.current?.focus() }]);
  return (
    <label className={`search ${small ? "search--sm" : ""} ${className}`}>
      <Icon name="search" size="sm" />
      <span className="sr">{label}</span>
      <input
        ref={field}
        type="search"
        placeholder={placeholder}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && onNext) onNext(event.shiftKey ? -1 : 1);
          else if (event.key === "Enter") event.currentTarget.blur();
          if (event.key !== "Escape") return;
          onChange("");
          event.currentTarget.blur();
        }}
      />
      {status === undefined ? null : (
        <span className="muted t11 num" role="status">
          {status}
        </span>
      )}
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}
