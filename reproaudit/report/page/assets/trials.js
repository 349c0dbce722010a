// What was tried, and what came of it.

/** @param {HTMLElement} container @param {Context} context */
function renderTrials(container, { result }) {
  const columns = /** @type {Column[]} */ ([
    { name: "#", kind: "number" },
    { name: "interventions", kind: "code" },
    { name: "runs", kind: "number" },
    { name: "outcome" },
    { name: "what came of it", kind: "prose" },
    { name: "cost" },
  ]);
  const rows = result.trials.map((trial, index) => [
    index + 1,
    trial.settings.join(", "),
    trial.runs,
    trial.state,
    trial.outcome,
    { text: trial.cost, value: trial.slowdown },
  ]);
  container.append(makeTable(columns, rows, { csvName: "trials", label: "Trials" }));
}
