/** All keys. */
import { shown } from "~/lib/shortcuts";
import { Dialog } from "~/ui/dialog";

const groups: { title: string; keys: [string, string][] }[] = [
  {
    title: "Anywhere",
    keys: [
      ["mod+k", "Do anything"],
      ["c", "New run"],
      ["/", "Search"],
      ["?", "These keys"],
      ["Esc", "Close what floats"],
    ],
  },
  {
    title: "Go to",
    keys: [
      ["g b", "Board"],
      ["g w", "Templates"],
      ["g t", "Tasks"],
      ["g f", "Features"],
      ["g i", "Insights"],
      ["g s", "Settings"],
    ],
  },
  {
    title: "On the board",
    keys: [
      ["j", "Down"],
      ["k", "Up"],
      ["h", "Left"],
      ["l", "Right"],
      ["Enter", "Open"],
      ["p", "Pause or resume"],
      ["x", "Cancel, after asking"],
      ["r", "Reply"],
    ],
  },
  {
    title: "In a run",
    keys: [
      ["1 to 8", "Its tabs"],
      ["r", "Write a message"],
      ["p", "Pause or resume"],
      ["x", "Cancel, after asking"],
      ["j", "Next step"],
      ["k", "Step before"],
      ["Enter", "Open the step"],
      ["f", "Follow the log"],
      ["n", "Next match in the log"],
    ],
  },
];

export default function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title="Keys">
      <div className="help">
        {groups.map((group) => (
          <section key={group.title}>
            <h3 className="eyebrow">{group.title}</h3>
            <dl>
              {group.keys.map(([keys, does]) => (
                <div key={keys}>
                  <dt>
                    {shown(keys)
                      .split(" ")
                      .map((key) => (key === "TO" || key === "to" ? " to " : <kbd key={key}>{key}</kbd>))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className="help-note muted t12">Approving has no key of its own, on purpose: Enter opens, Tab leads to Approve.</p>
    </Dialog>
  );
}
