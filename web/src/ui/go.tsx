/**
 * A link to a page of the app that costs little: the router's own keeps an eye on every change of the address,
 * which a list of a thousand does not need.
 */
import { useRouter } from "@tanstack/react-router";
import type { AnchorHTMLAttributes } from "react";

export function Go({ href, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const { history } = useRouter();
  return (
    <a
      href={href}
      {...rest}
      onClick={(event) => {
        // A new tab or window is the browser's own.
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        history.push(href);
      }}
    />
  );
}
