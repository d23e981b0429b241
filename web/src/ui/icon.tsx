/** The icons of the mockups, drawn on 16 × 16. */
import type { ReactNode } from "react";

const shapes = {
  board: (
    <>
      <rect x="2" y="2.5" width="3.4" height="11" rx="1" />
      <rect x="6.3" y="2.5" width="3.4" height="7" rx="1" />
      <rect x="10.6" y="2.5" width="3.4" height="9" rx="1" />
    </>
  ),
  templates: <path d="M3 2.5h7l3 3v8H3zM5.5 7h5M5.5 9.5h5M5.5 12h2.5" />,
  tasks: (
    <>
      <rect x="2.5" y="2.5" width="11" height="11" rx="2" />
      <path d="m5.3 8.2 1.9 1.9 3.6-4" />
    </>
  ),
  features: (
    <>
      <path d="M2.5 4.5h4M9.5 4.5h4M2.5 11.5h4M9.5 11.5h4M8 6.2v3.6" />
      <rect x="6.5" y="2.8" width="3" height="3.4" rx=".8" />
      <rect x="6.5" y="9.8" width="3" height="3.4" rx=".8" />
    </>
  ),
  insights: <path d="M2.5 13.5h11M4.5 11V8M8 11V3.5M11.5 11V6" />,
  settings: (
    <>
      <path d="M2.5 5h6M12 5h1.5M2.5 11H4M7.5 11h6" />
      <circle cx="10.2" cy="5" r="1.7" />
      <circle cx="5.8" cy="11" r="1.7" />
    </>
  ),
  baton: (
    <>
      <path d="m4.4 12.4 4.4-8" strokeWidth="2.7" />
      <path d="m8.9 12.4 2.7-4.9" strokeWidth="2.7" />
    </>
  ),
  done: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="m5.6 8.2 1.7 1.7 3.2-3.6" />
    </>
  ),
  running: (
    <>
      <circle cx="8" cy="8" r="5.5" opacity=".28" />
      <path className="spin" d="M8 2.5A5.5 5.5 0 0 1 13.5 8" />
    </>
  ),
  queued: <circle cx="8" cy="8" r="5.5" strokeDasharray="1.6 2.72" />,
  failed: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="m6.1 6.1 3.8 3.8M9.9 6.1 6.1 9.9" />
    </>
  ),
  waiting: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 5.2v3l1.9 1.2" />
    </>
  ),
  paused: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M6.6 6v4M9.4 6v4" />
    </>
  ),
  pausing: (
    <>
      <circle cx="8" cy="8" r="5.5" strokeDasharray="2.4 2" />
      <path d="M6.6 6v4M9.4 6v4" />
    </>
  ),
  cancelling: (
    <>
      <circle cx="8" cy="8" r="5.5" strokeDasharray="2.4 2" />
      <rect x="6.2" y="6.2" width="3.6" height="3.6" rx=".6" />
    </>
  ),
  cancelled: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="m4.4 11.6 7.2-7.2" />
    </>
  ),
  retry: <path d="M12.9 6.6A5 5 0 1 0 13 9.2M13 3.3v3.4H9.6" />,
  rewind: <path d="M3 3.5v3.6h3.6M3.3 7a5 5 0 1 1 .2 3.2" />,
  review: (
    <>
      <path d="M1.8 8S4.2 3.8 8 3.8 14.2 8 14.2 8 11.8 12.2 8 12.2 1.8 8 1.8 8z" />
      <circle cx="8" cy="8" r="1.6" />
    </>
  ),
  right: <path d="m6 3.8 4.2 4.2L6 12.2" />,
  down: <path d="m3.8 6 4.2 4.2L12.2 6" />,
  updown: <path d="m5 6.2 3-3 3 3M5 9.8l3 3 3-3" />,
  search: (
    <>
      <circle cx="7" cy="7" r="4.2" />
      <path d="m10.2 10.2 3.3 3.3" />
    </>
  ),
  plus: <path d="M8 3.2v9.6M3.2 8h9.6" />,
  check: <path d="m3.2 8.4 3.2 3.2 6.4-7" />,
  pause: <path d="M5.5 3.5v9M10.5 3.5v9" />,
  play: <path d="M5 3.2v9.6l7.5-4.8z" />,
  stop: <rect x="4" y="4" width="8" height="8" rx="1" />,
  file: <path d="M4 2.5h5l3 3v8H4zM9 2.5v3h3" />,
  folder: <path d="M2.5 4.2h4l1.2 1.6h5.8v6.7h-11z" />,
  fork: (
    <>
      <circle cx="4.5" cy="3.8" r="1.5" />
      <circle cx="4.5" cy="12.2" r="1.5" />
      <circle cx="11.5" cy="4.8" r="1.5" />
      <path d="M4.5 5.3v5.4M11.5 6.3C11.5 9 7 8.4 5 10.8" />
    </>
  ),
  copy: (
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
      <path d="M3.5 10.5h-1v-8h8v1" />
    </>
  ),
  keyboard: (
    <>
      <rect x="1.8" y="4" width="12.4" height="8" rx="1.5" />
      <path d="M4.5 6.8h.01M7 6.8h.01M9.5 6.8h.01M11.7 6.8h.01M5.5 9.5h5" />
    </>
  ),
  more: <path d="M3.5 8h.01M8 8h.01M12.5 8h.01" strokeWidth="2" />,
  clock: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 5v3.2l2 1.3" />
    </>
  ),
  terminal: (
    <>
      <rect x="2" y="3" width="12" height="10" rx="1.5" />
      <path d="m4.6 6.3 1.9 1.7-1.9 1.7M8.2 10h3" />
    </>
  ),
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  edit: <path d="m3 13 .6-2.8 7-7 2.2 2.2-7 7zM9.3 4.6l2.1 2.1" />,
  warn: <path d="M8 2.6 14.2 13H1.8zM8 6.6v3M8 11.3h.01" />,
  message: <path d="M2.5 3.5h11v7.5H8l-3 2.5V11H2.5z" />,
  download: <path d="M8 2.5v8M4.6 7.3 8 10.7l3.4-3.4M3 13.5h10" />,
  send: <path d="M8 13V3.2M4 7l4-4 4 4" />,
  list: <path d="M5.5 4.2h8M5.5 8h8M5.5 11.8h8M2.6 4.2h.01M2.6 8h.01M2.6 11.8h.01" />,
  sun: (
    <>
      <circle cx="8" cy="8" r="2.6" />
      <path d="M8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M12.4 3.6l-1 1M4.6 11.4l-1 1" />
    </>
  ),
  trash: <path d="M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9" />,
  globe: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M2.5 8h11M8 2.5c2.6 3 2.6 8 0 11M8 2.5c-2.6 3-2.6 8 0 11" />
    </>
  ),
  bell: <path d="M4 11V7.2a4 4 0 0 1 8 0V11l1.2 1.2H2.8zM6.8 13.8h2.4" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = "", className = "" }: { name: IconName; size?: "" | "sm" | "xs"; className?: string }) {
  return (
    <svg className={`i ${size ? `i-${size}` : ""} ${className}`} viewBox="0 0 16 16" aria-hidden="true">
      {shapes[name]}
    </svg>
  );
}

/** How a step stands: `data-s` colours it. */
export function StateIcon({ state, icon }: { state: string; icon: IconName }) {
  return (
    <svg className="st" data-s={state} viewBox="0 0 16 16" aria-hidden="true">
      {shapes[icon]}
    </svg>
  );
}

export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 24 24" role="img" aria-label="Baton">
      <path
        className="a"
        d="M4.05 20.1a2.5 2.5 0 0 1-.95-3.4L8.9 6.55a2.5 2.5 0 0 1 4.35 2.45L7.45 19.15a2.5 2.5 0 0 1-3.4.95z"
      />
      <path
        className="b"
        d="M11.7 17.6a2.5 2.5 0 0 1-.95-3.4L16.55 4.05a2.5 2.5 0 0 1 4.35 2.45l-5.8 10.15a2.5 2.5 0 0 1-3.4.95z"
      />
    </svg>
  );
}
