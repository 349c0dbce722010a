// Owns what opens below the heat map for one tensor: its histograms and its way over the steps.
const growthDetail = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const { showCount, showCounted } = canvasTools;
  const CHART_HEIGHT = 220;
  const MOST_TICKS = 6;
  const BARS = { width: 340, height: 190, left: 6, bottom: 34, top: 20, widest: 34 };

  /**
   * Show one tensor in `host`, which is emptied first. Returns its charts.
   * @param {HTMLElement} host
   * @param {Growth} growth
   * @param {GrowthColumns} columns
   * @param {number} row
   * @param {() => void} close
   * @returns {OpenCharts}
   */
  function showTensor(host, growth, columns, row, close) {
    const tensor = growth.tensors[row];
    const button = el("button", { type: "button", class: "small", "aria-label": "close" }, "close");
    button.addEventListener("click", close);
    const words = [growthCells.nameKind(tensor.kind), tensor.tensor, tensor.process].filter(Boolean);
    const histograms = growth.histograms.filter((one) => one.row === row).sort((a, b) => a.step - b.step);
    const chart = el("div", { class: "chart" });
    host.replaceChildren(
      el("header", {}, el("h3", { class: "minor" }, tensor.name), el("span", { class: "muted" }, words.join(" · ")), button),
      el("div", { class: "histograms" }, ...histograms.map((one, at) => makeHistogram(one, nameMoment(at, histograms.length)))),
      chart,
    );
    if (!histograms.length) chart.before(el("p", { class: "muted" }, "No step of this tensor was compared element by element."));
    return drawTrajectory(chart, growth, columns, row);
  }

  /** @param {number} at @param {number} count */
  function nameMoment(at, count) {
    if (count === 1) return "measured in step";
    return at === 0 ? "first measured, in step" : "last measured, in step";
  }

  /**
   * @param {Distances} distances
   * @param {string} moment
   */
  function makeHistogram(distances, moment) {
    const bins = Object.entries(distances.ulp_histogram).map(([end, count]) => ({ end: Number(end), count }));
    const total = bins.reduce((sum, bin) => sum + bin.count, 0);
    const title = `${moment} ${distances.step}: ${showCounted(total, "element")}`;
    const figure = el("figure", { "data-histogram-step": String(distances.step) });
    figure.append(el("figcaption", {}, title), drawBars(fillBins(bins), title));
    return figure;
  }

  /**
   * Return the bins with those between them that are empty.
   * @param {{end: number, count: number}[]} bins
   */
  function fillBins(bins) {
    const counts = new Map(bins.map((bin) => [bin.end, bin.count]));
    const last = Math.min(growthCells.MOST_ULP, Math.max(1, ...counts.keys()));
    const filled = [];
    for (let end = 1; end <= last; end *= 2) filled.push({ end, count: counts.get(end) ?? 0 });
    return filled;
  }

  /** @param {number} end */
  function wordBin(end) {
    return end <= 2 ? `${end} ULP` : `${showCount(end / 2 + 1)} to ${showCount(end)} ULP`;
  }

  /**
   * Draw counts as bars whose heights are logarithmic, so that one element among thousands is seen.
   * @param {{end: number, count: number}[]} bins
   * @param {string} title
   */
  function drawBars(bins, title) {
    const { width, height, left, bottom, top, widest } = BARS;
    const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title, class: "bars" });
    const each = Math.min(widest, (width - 2 * left) / bins.length);
    const most = Math.log2(1 + Math.max(...bins.map((bin) => bin.count)));
    const base = height - bottom;
    const every = Math.ceil(36 / each);
    for (const [at, bin] of bins.entries()) {
      const x = left + at * each;
      if (bin.count) {
        const tall = Math.max(2, ((base - top) * Math.log2(1 + bin.count)) / most);
        const bar = makeSvg("rect", { x: x + 1, y: base - tall, width: Math.max(1, each - 2), height: tall, class: "bar" });
        bar.append(makeSvg("title", {}, `${wordBin(bin.end)}: ${showCounted(bin.count, "element")}`));
        svg.append(bar);
        if (each >= 24) svg.append(makeSvg("text", { x: x + each / 2, y: base - tall - 4, class: "count" }, shortCount(bin.count)));
      }
      if (at % every === 0) svg.append(makeSvg("text", { x: x + each / 2, y: base + 14 }, shortUlp(bin.end)));
    }
    svg.append(
      makeSvg("line", { x1: left, x2: left + each * bins.length, y1: base + 0.5, y2: base + 0.5, class: "axis" }),
      makeSvg("text", { x: left, y: height - 4, class: "caption" }, "ULP, up to · heights are logarithmic"),
    );
    return svg;
  }

  /** @param {number} count */
  function shortCount(count) {
    if (count < 10_000) return String(count);
    return count < 1e6 ? `${Math.round(count / 1e3)}k` : `${Number((count / 1e6).toPrecision(2))}M`;
  }

  /** @param {number} end */
  function shortUlp(end) {
    return end < 10_000 ? String(end) : `2^${Math.log2(end)}`;
  }

  /**
   * @param {string} tag
   * @param {Record<string, string | number>} attributes
   * @param {string} [text]
   */
  function makeSvg(tag, attributes, text) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
    if (text !== undefined) node.textContent = text;
    return node;
  }

  /**
   * @param {HTMLElement} host
   * @param {Growth} growth
   * @param {GrowthColumns} columns
   * @param {number} row
   * @returns {OpenCharts}
   */
  function drawTrajectory(host, growth, columns, row) {
    const { steps, ulps, shares } = growthFigures.traceTensor(growth, columns, row);
    if (!ulps.some((value) => value !== null) && !shares.some((value) => value !== null)) {
      host.replaceChildren(el("p", { class: "muted" }, "There is no figure to draw over the steps."));
      return { redraw: () => {}, stop: () => {} };
    }
    const wide = () => Math.max(260, host.clientWidth);
    const chart = new uPlot(makeOptions(wide(), steps.length), [steps, ulps, shares], host);
    const resized = new ResizeObserver(() => chart.setSize({ width: wide(), height: CHART_HEIGHT }));
    resized.observe(host);
    return {
      redraw: () => chart.redraw(false),
      stop: () => {
        resized.disconnect();
        chart.destroy();
      },
    };
  }

  /**
   * @param {number} width
   * @param {number} steps
   */
  function makeOptions(width, steps) {
    const muted = () => themeColours().muted;
    const grid = { stroke: () => themeColours().line, width: 1 };
    const axis = { stroke: muted, grid, ticks: grid, font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif", labelSize: 18 };
    /** @param {number | null} value @param {(value: number) => string} show */
    const word = (value, show) => (value == null ? "–" : show(value));
    return {
      width,
      height: CHART_HEIGHT,
      scales: {
        x: { time: false },
        ulp: { distr: 3, log: 2, range: widenLog },
        share: { distr: 3, log: 10, range: widenLog },
      },
      series: [
        { label: "step" },
        {
          label: "max ULP",
          scale: "ulp",
          stroke: () => themeColours().accent,
          width: 2,
          points: { show: steps <= 60, size: 6 },
          value: (/** @type {unknown} */ _, /** @type {number | null} */ value) => word(value, growthCells.showUlp),
        },
        {
          label: "elements that differ",
          scale: "share",
          stroke: () => themeColours().warn,
          width: 1.5,
          dash: [5, 4],
          points: { show: steps <= 60, size: 5 },
          value: (/** @type {unknown} */ _, /** @type {number | null} */ value) => word(value, (percent) => growthFigures.showShare(percent / 100)),
        },
      ],
      axes: [
        { ...axis, label: "step" },
        { ...axis, scale: "ulp", label: "max ULP", size: 58, splits: splitBy(2), filter: keepTicks, values: nameTicks(shortUlp) },
        { ...axis, scale: "share", side: 1, label: "elements that differ", size: 58, grid: { show: false }, splits: splitBy(10), filter: keepTicks, values: nameTicks((value) => `${Number(value.toPrecision(2))} %`) },
      ],
    };
  }

  /** uPlot would leave out those between powers of ten.
   * @param {unknown} _chart @param {number[]} ticks */
  function keepTicks(_chart, ticks) {
    return ticks;
  }

  /** @param {(value: number) => string} show */
  function nameTicks(show) {
    return (/** @type {unknown} */ _chart, /** @type {number[]} */ ticks) => ticks.map(show);
  }

  /**
   * Return what places some ticks on a logarithmic axis, at powers of `base` that are equally far apart.
   * @param {number} base
   */
  function splitBy(base) {
    return (/** @type {unknown} */ _chart, /** @type {number} */ _axis, /** @type {number} */ low, /** @type {number} */ high) => {
      const first = Math.ceil(Math.log(low) / Math.log(base) - 1e-9);
      const last = Math.floor(Math.log(high) / Math.log(base) + 1e-9);
      const stride = Math.max(1, Math.ceil((last - first) / MOST_TICKS));
      const ticks = [];
      for (let power = first; power <= last; power += stride) ticks.push(base ** power);
      return ticks;
    };
  }

  /**
   * Return ends of a logarithmic axis: a line that stands still would lie on its edge.
   * @param {unknown} _chart
   * @param {number | null} low
   * @param {number | null} high
   * @returns {[number, number]}
   */
  function widenLog(_chart, low, high) {
    if (low == null || high == null || !(low > 0)) return [1, 100];
    return [low / 2, high * 2];
  }

  return { showTensor };
})();
