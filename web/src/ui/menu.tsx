/** Menus and pickers. */
import * as Radix from "@radix-ui/react-dropdown-menu";
import type { ReactNode } from "react";
import type { Can } from "~/lib/run-can";
import { Icon, type IconName } from "./icon";

export interface MenuItem {
  key: string;
  label: ReactNode;
  icon?: IconName;
  hint?: string;
  can?: Can;
  bad?: boolean;
  checked?: boolean;
  onSelect: () => void;
}

interface MenuProps {
  trigger: ReactNode;
  items: (MenuItem | "line")[];
  align?: "start" | "end";
  label?: string;
  startsOpen?: boolean;
}

export function Menu({ trigger, items, align = "start", label, startsOpen = false }: MenuProps) {
  return (
    <Radix.Root modal={false} defaultOpen={startsOpen}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className="menu" align={align} sideOffset={6} collisionPadding={8} aria-label={label}>
          {items.map((item, index) =>
            item === "line" ? (
              <Radix.Separator className="menu-line" key={`line-${index}`} />
            ) : (
              <Radix.Item
                key={item.key}
                className={`menu-item ${item.bad ? "menu-item--bad" : ""}`}
                disabled={item.can !== undefined && item.can !== true}
                onSelect={item.onSelect}
              >
                {item.checked !== undefined ? (
                  <span className="menu-check">{item.checked ? <Icon name="check" size="sm" /> : null}</span>
                ) : item.icon ? (
                  <Icon name={item.icon} size="sm" />
                ) : null}
                <span className="grow">
                  <span className="cut menu-label">{item.label}</span>
                  {typeof item.can === "string" ? <span className="menu-why">{item.can}</span> : item.hint ? <span className="menu-why">{item.hint}</span> : null}
                </span>
              </Radix.Item>
            ),
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface PickProps<T extends string> {
  label: string;
  shown?: string;
  value: T;
  options: { value: T; label: string; hint?: string; can?: Can }[];
  onPick: (value: T) => void;
  small?: boolean;
}

/** One of some. */
export function Pick<T extends string>({ label, shown, value, options, onPick, small = false }: PickProps<T>) {
  const current = options.find((option) => option.value === value);
  return (
    <Menu
      label={label}
      trigger={
        <button type="button" className={`pick ${small ? "pick--sm" : ""}`} aria-label={shown ? undefined : `${label}: ${current?.label ?? value}`}>
          {shown ? <span className="muted">{shown}</span> : null}{" "}
          <span className="cut">{current?.label ?? value}</span>
          <Icon name="down" size="xs" />
        </button>
      }
      items={options.map((option) => ({
        key: option.value,
        label: option.label,
        checked: option.value === value,
        ...(option.hint ? { hint: option.hint } : {}),
        ...(option.can !== undefined ? { can: option.can } : {}),
        onSelect: () => onPick(option.value),
      }))}
    />
  );
}
