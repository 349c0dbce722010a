// What the scripts of the two pictures have among themselves, and what they use of uPlot.
// `tsc --noEmit` reads it beside types.d.ts; it is not in the page.

type ColumnItems = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

interface TextFilter {
  isEmpty: boolean;
  /** What is wrong with a regular expression, "" where nothing is. */
  fault: string;
  matches(text: string): boolean;
}

interface GrowthColumns {
  cells: Uint8Array;
  at: ColumnItems;
  differing: ColumnItems;
  maxUlp: ColumnItems;
  maxAbs: ColumnItems;
}

interface MeasuredCell {
  differing: number;
  maxUlp: number;
  maxAbs: number;
}

/** A cell by its row and column. */
interface GrowthPlace {
  row: number;
  column: number;
}

interface GrowthLeaf {
  row: number;
  label: string;
}

interface GrowthModule {
  label: string;
  /** Names of all modules down to this one. */
  path: string;
  modules: Map<string, GrowthModule>;
  children: (GrowthModule | GrowthLeaf)[];
  /** All rows below it. */
  rows: number[];
}

/** A line of the picture: a module, or a tensor by its row (-1 for a module). */
interface GrowthLine {
  label: string;
  depth: number;
  module: GrowthModule | null;
  isFolded: boolean;
  row: number;
}

/** Where the heat map's parts lie on its canvas, in CSS pixels. */
interface HeatMapPlace {
  width: number;
  height: number;
  /** Of all lines, below one another. */
  content: number;
  header: number;
  rowHeight: number;
  /** The width of labels. */
  gutter: number;
  indent: number;
  /** Where cells begin. */
  plot: number;
  plotWidth: number;
  /** The width of a column. */
  cell: number;
  columnsShown: number;
  /** The width of a column when all are shown. */
  fit: number;
  scroll: number;
  /** Whether the whole map is drawn small at the right edge. */
  hasOverview: boolean;
}

/** What the heat map's painter looks at. */
interface HeatMapState {
  growth: Growth;
  lines: GrowthLine[];
  left: number;
  zoom: number;
  cursor: { line: number; column: number } | null;
  openRow: number;
  codesOf(line: GrowthLine): { codes: Uint8Array; start: number };
  findRinged(): { line: number; column: number } | null;
}

/** What pointer and keys do to the heat map. */
interface HeatMapControl extends HeatMapState {
  container: HTMLElement;
  parts: { canvas: HTMLCanvasElement; scroller: HTMLElement; tip: HTMLElement; text: HTMLInputElement };
  place: HeatMapPlace | undefined;
  draw(): void;
  hideTip(): void;
  moveTo(line: number, column: number, scroll: boolean): void;
  toggle(module: GrowthModule): void;
  open(): void;
  close(): void;
  zoomBy(factor: number, around?: number): void;
  panBy(columns: number): void;
}

/** The charts of the tensor that is open. */
interface OpenCharts {
  redraw(): void;
  stop(): void;
}

declare class uPlot {
  constructor(options: object, data: (number | null)[][], host: HTMLElement);
  setSize(size: { width: number; height: number }): void;
  redraw(rebuildPaths?: boolean): void;
  destroy(): void;
}

interface StreamRows {
  process: string;
  /** Rows that are here, of `total` that the process made. */
  count: number;
  total: number;
  /** Stretches: `count` rows from `row` on are those from `firstRow` on of the whole. */
  pieces: { row: number; count: number; firstRow: number }[];
  state: ColumnItems;
  phase: ColumnItems;
  op: ColumnItems;
  module: ColumnItems;
  location: ColumnItems;
  step: ColumnItems;
}

interface StreamQuery {
  filter: TextFilter;
  /** -1 is any. */
  phase: number;
  onlyDiffering: boolean;
}

/** What is listed: item n is row `row[n]`, or the fold of `folded[n]` rows from there on, or a gap. */
interface StreamItems {
  length: number;
  rowsShown: number;
  row: Uint32Array;
  folded: Uint32Array;
  /** How many operators are missing at an item that is a gap. */
  gaps: Map<number, number>;
}

/** What the stream needs of a finding of the page. */
interface StreamFinding {
  number: number;
  source: string;
  place: string;
  step: number;
  phase: string;
}

/** Where the stream's parts lie on its canvas, in CSS pixels. */
interface StreamPlace {
  width: number;
  height: number;
  header: number;
  rowHeight: number;
  /** How far the list is scrolled, of its whole height. */
  scroll: number;
  content: number;
  mapWidth: number;
  sides: StreamSide[];
  mark: number;
  step: number;
  phase: number;
}

/** Columns of one run: where they begin and how wide they are; without a width they are left out. */
interface StreamSide {
  /** 0, 1, or -1 for both in one. */
  run: number;
  title: string;
  left: number;
  right: number;
  op: [left: number, width: number];
  module: [left: number, width: number];
  line: [left: number, width: number];
}

/** What the stream's painter looks at. */
interface StreamState {
  ops: AlignedOps;
  rows: StreamRows;
  items: StreamItems;
  cursor: number;
  openRow: number;
  wordFold(item: number): string;
  summary(height: number): Uint8Array;
}

/** What pointer and keys do to the stream. */
interface StreamControl extends StreamState {
  container: HTMLElement;
  parts: { canvas: HTMLCanvasElement; scroller: HTMLElement; text: HTMLInputElement };
  place: StreamPlace | undefined;
  scrollTo(pixels: number): void;
  moveTo(item: number): void;
  activate(item: number): void;
  close(): void;
  goToSource(direction: 1 | -1): void;
}
