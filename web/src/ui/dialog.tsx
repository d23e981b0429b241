/** A dialog over the page: it takes the focus, gives it back, and closes with Escape. */
import * as Radix from "@radix-ui/react-dialog";
import type { ReactNode } from "react";
import { Button } from "./button";

interface Props {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** Said to screen readers only. */
  about?: string;
  head?: ReactNode;
  footer?: ReactNode;
  size?: "sm" | "md" | "lg";
  children: ReactNode;
}

/** Where nothing asks for the focus, the dialog has it: not its button to close. */
function focusItself(event: Event): void {
  event.preventDefault();
  (event.currentTarget as HTMLElement | null)?.focus();
}

export function Dialog({ open, onClose, title, about, head, footer, size = "md", children }: Props) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="scrim" />
        <Radix.Content className={`dialog dialog--${size}`} {...(about ? {} : { "aria-describedby": undefined })} onOpenAutoFocus={focusItself}>
          <div className="dialog-h">
            <Radix.Title className="cut">{title}</Radix.Title>
            {about ? <Radix.Description className="sr">{about}</Radix.Description> : null}
            {head}
            <span className="grow" />
            <Button kind="ghost" icon="close" label="Close" onClick={onClose} />
          </div>
          {children}
          {footer ? <div className="dialog-f">{footer}</div> : null}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  title: string;
  text: ReactNode;
  act: string;
  bad?: boolean;
}

/** Asks before what cannot be taken back; the button names the act. */
export function Confirm({ open, onClose, onConfirm, title, text, act, bad = false }: ConfirmProps) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={title}
      size="sm"
      footer={
        <>
          <span className="grow" />
          <Button onClick={onClose}>Keep it</Button>
          <Button
            kind={bad ? "bad" : "pri"}
            autoFocus
            onClick={() => {
              onConfirm();
              onClose();
            }}
          >
            {act}
          </Button>
        </>
      }
    >
      <div className="dialog-b">{text}</div>
    </Dialog>
  );
}
