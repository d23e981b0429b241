/** The places of pages that come with a later part. */
import { TaskBadge, type TaskStatus } from "~/ui/badge";

const statuses: TaskStatus[] = ["PENDING", "IN_PROGRESS", "COMPLETED", "ERROR", "FAILED", "HALTED"];

export function TasksPage() {
  return (
    <main className="main" id="main">
      <header className="top">
        <h1>Tasks</h1>
      </header>
      <div className="nothing">
        <h2>Tasks come with a later version</h2>
        <p>A task is a piece of work with a chat and a workflow behind it. Its state will be one of these.</p>
        <div className="row wrap">
          {statuses.map((status) => (
            <TaskBadge key={status} status={status} />
          ))}
        </div>
      </div>
    </main>
  );
}

export function FeaturesPage() {
  return (
    <main className="main" id="main">
      <header className="top">
        <h1>Features</h1>
      </header>
      <div className="nothing">
        <h2>Features come with a later version</h2>
        <p>A feature goes from requirements to architecture to tasks, through a pipeline of runs that you accept one by one.</p>
      </div>
    </main>
  );
}
