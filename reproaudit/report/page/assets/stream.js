// The operators of both runs, side by side.

/** @param {HTMLElement} container @param {AlignedOps} ops @param {{ findings: Finding[] }} about */
async function renderStream(container, ops, { findings }) {
  let rows = 0;
  for (const stretch of ops.stretches) rows += (await decodeColumn(stretch.state)).length;
  container.append(el("p", {}, `${counted(rows, "aligned operator")}, ${counted(findings.length, "finding")}.`));
}
