/** Stands in for react-remove-scroll: the page never scrolls, and its <style> would break the page's policy. */
import { type ElementType, forwardRef, type ReactNode } from "react";

interface Props {
  as?: ElementType;
  children?: ReactNode;
  allowPinchZoom?: boolean;
  shards?: unknown;
  enabled?: boolean;
  removeScrollBar?: boolean;
}

export const RemoveScroll = forwardRef<HTMLElement, Props>(function RemoveScroll(props, ref) {
  const { as: Inner, children, allowPinchZoom: _a, shards: _s, enabled: _e, removeScrollBar: _r, ...rest } = props;
  if (!Inner) return <>{children}</>;
  return (
    <Inner ref={ref} {...rest}>
      {children}
    </Inner>
  );
});
