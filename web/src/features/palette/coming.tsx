/** What has the keys while a dialog is being fetched: they must not reach the page, where a letter may approve or pause. */
import { Icon } from "~/ui/icon";

/** The palette, of which only the words can be typed yet; it begins with them. */
export function PaletteComing({ words, onWords, onClose }: { words: string; onWords: (words: string) => void; onClose: () => void }) {
  return (
    <div className="scrim">
      <div className="pal" role="dialog" aria-label="Do anything" aria-busy="true">
        <div className="pal-in">
          <Icon name="search" />
          <input
            autoFocus
            aria-label="Find a run, go somewhere, do something"
            value={words}
            onChange={(event) => onWords(event.target.value)}
            onKeyDown={(event) => event.key === "Escape" && onClose()}
          />
        </div>
      </div>
    </div>
  );
}

/** Any other dialog. */
export function Coming() {
  return <div className="scrim" role="dialog" aria-label="Opening" aria-busy="true" />;
}
