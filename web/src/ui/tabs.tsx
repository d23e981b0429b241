/** A row of choices of which one is on. */
import type { ReactNode } from "react";

interface Props<T extends string> {
  label: string;
  value: T;
  options: { value: T; label: ReactNode }[];
  onPick: (value: T) => void;
}

export function Segmented<T extends string>({ label, value, options, onPick }: Props<T>) {
  return (
    <div className="seg" role="radiogroup" aria-label={label}>
      {options.map((option, index) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === value}
          tabIndex={option.value === value || (index === 0 && !options.some((each) => each.value === value)) ? 0 : -1}
          onClick={() => onPick(option.value)}
          onKeyDown={(event) => {
            const step = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : event.key === "ArrowLeft" || event.key === "ArrowUp" ? -1 : 0;
            if (step === 0) return;
            event.preventDefault();
            const next = (index + step + options.length) % options.length;
            const sibling = event.currentTarget.parentElement?.children[next];
            if (sibling instanceof HTMLElement) sibling.focus();
            onPick(options[next]!.value);
          }}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
