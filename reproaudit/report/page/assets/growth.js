// Where and when a difference grows.

/** @param {HTMLElement} container @param {Growth} growth @param {Finding | null} finding */
async function renderGrowth(container, growth, finding) {
  const cells = await decodeColumn(growth.cells);
  const differing = cells.filter((code) => code > 1).length;
  const first = finding === null ? "" : `; the first finding is in step ${finding.step}`;
  container.append(el("p", {}, `${counted(growth.tensors.length, "tensor")} over ${counted(growth.steps, "step")}: ${counted(differing, "cell")} differ${first}.`));
}
