// The facts that the page gets, as reproaudit/report/page/payload.py makes them. Not in the page itself:
// `tsc --noEmit` reads it beside the scripts.

interface Packed {
  dtype: "|u1" | "<u2" | "<u4" | "<i4" | "<f4" | "<f8";
  length: number;
  data: string;
}

interface GrowthTensor {
  kind: string;
  name: string;
  tensor: string;
  process: string;
}

interface Distances {
  row: number;
  step: number;
  ulp_histogram: { [upper: string]: number };
}

interface Growth {
  runs: [number, number];
  tensors: GrowthTensor[];
  first_step: number;
  steps: number;
  cells: Packed;
  at: Packed;
  differing: Packed;
  max_ulp: Packed;
  max_abs: Packed;
  histograms: Distances[];
  not_compared: number;
  left_out_steps: number;
  left_out_tensors: number;
}

interface CodeLocation {
  path: string;
  line: number;
  function: string;
  cell?: number;
}

interface Stretch {
  process: string;
  first_row: number;
  total: number;
  state: Packed;
  phase: Packed;
  op: Packed;
  module: Packed;
  location: Packed;
  step: Packed;
}

interface AlignedOps {
  runs: [number, number];
  folders: [string, string];
  strings: string[];
  locations: CodeLocation[];
  stretches: Stretch[];
  left_out_rows: number;
}

interface Excerpt {
  path: string;
  cell: number;
  first_line: number;
  lines: string[];
}

/** The number of an excerpt and a line in it; empty where the page has none. */
type CodeReference = [number, number] | [];

interface Evidence {
  answers: [kind: string, answer: "yes" | "no" | "-", meaning: string][];
  said: string[];
}

interface Fix {
  advice: string;
  settings: string[];
  together: string[];
  state: string;
  is_verified: boolean;
  patch_state: string;
  is_diff: boolean;
  by_hand: string[];
}

interface Rule {
  explanation: string;
  references: string[];
}

interface Finding {
  number: number;
  source: string;
  kind: "op" | "call" | "";
  call: string;
  place: string;
  line: string;
  when: string;
  phase: string;
  step: number;
  module: string;
  count: number;
  cause: string;
  rule: string;
  title: string;
  accepted: string;
  /** What the two runs differ in, where they were made to. */
  variation?: string;
  evidence: number;
  difference: string;
  histogram: [upper: string, count: number][];
  fix: number | null;
  code: CodeReference;
}

interface Patch {
  is_diff: boolean;
  state: string;
  is_verified: boolean;
  lines: string[];
  findings: number[];
}

interface Answer {
  confidence: string;
  figures: { label: string; value: string; note: string }[];
  advice: string;
  repair: string;
  is_verified: boolean;
  interventions: string[];
  accepted: string;
  patches: Patch[];
  commands: string[];
  reproducer: string;
}

interface Trial {
  settings: string[];
  meanings: string[];
  runs: number;
  is_equal: boolean;
  is_proof: boolean;
  outcome: string;
  state: string;
  slowdown: number | null;
  cost: string;
}

interface Run {
  index: number;
  class: string;
  /** What it was made under, where runs are made under different conditions. */
  condition?: string;
  is_plain: boolean;
  level: string;
  ended: string;
  is_success: boolean;
  detail: string;
  steps: number | null;
  events: number | null;
  ranks: number;
  is_loaded: boolean;
}

interface TensorRow {
  kind: string;
  name: string;
  tensor: string;
  step: string;
  at: number;
  phase: string;
  runs: [number, number];
  differing: number | null;
  elements: number | null;
  max_ulp: number | null;
  ulp: string;
  max_abs: number | null;
  abs: string;
  max_rel: number | null;
  rel: string;
  note: string;
  is_first: boolean;
}

interface Alert {
  op: string;
  message: string;
  place: string;
  phase: string;
  module: string;
  count: number;
  code: CodeReference;
}

interface Warning {
  message: string;
  rule: string;
  code: CodeReference;
}

interface Note {
  code: string;
  what: string;
  why: string;
}

type Tone = "good" | "bad" | "warn" | "";

interface Variation {
  setting: string;
  answer: string;
  tone: Tone;
  far: string;
  source: string;
  line: string;
  why: string;
  run: number | null;
}

/** Values of variations that share a dependence; findings by their position. */
interface DependenceGroup {
  title: string;
  settings: string[];
  answer: string;
  tone: Tone;
  facts: [string, string][];
  findings: number[];
  diff: string[];
}

interface LostState {
  title: string;
  facts: [string, string][];
  evidence: string[];
  advice: string;
  code: CodeReference;
}

interface SeedStream {
  use: string;
  effect: string;
  is_expected: boolean;
  line: string;
  stream: string;
  call: string;
  draws: string;
  process: string;
  why: string;
  code: CodeReference;
}

interface FlagSetting {
  number: number;
  what: string;
  value: string;
  step: string;
  line: string;
  by: string;
  made: string;
  undoes: number | null;
  why: string;
  code: CodeReference;
}

/** What only some questions bring out. */
interface Asked {
  question: "vary" | "resume" | "seeds";
  /** The position of the first finding that belongs to no variation. */
  first_finding: number | null;
  /** By the answer. */
  meanings: { [answer: string]: string };
  variations: Variation[];
  groups: DependenceGroup[];
  resumption: [string, string][];
  lost: LostState[];
  checkpoints: [file: string, writer: string, step: number, line: string, holds: string][];
  streams: SeedStream[];
  timeline: FlagSetting[];
}

type VerdictName = "reproducible" | "not-reproducible" | "within-tolerance" | "not-audited";

interface Result {
  name: string;
  verdict: VerdictName;
  verdict_words: string;
  headline: string;
  exit_code: number;
  answer: Answer;
  findings: Finding[];
  shared: {
    evidence: Evidence[];
    fixes: Fix[];
    rules: { [id: string]: Rule };
    interventions: { [id: string]: string };
  };
  excerpts: Excerpt[];
  trials: Trial[];
  runs: Run[];
  classes: { name: string; runs: number[] }[];
  compared: [kind: string, count: number][];
  ranks: { rank: number; findings: number[] }[];
  tensors: TensorRow[];
  tensors_total: number;
  alerts: Alert[];
  warnings: Warning[];
  environment_differs: Note[];
  changes: string[];
  settings: [string, string][];
  environment: [string, string][];
  not_checked: Note[];
  certainty: string[];
  growth: Growth | null;
  ops: AlignedOps | null;
  left_out: string[];
  /** None of a plain audit. */
  asked?: Asked;
}

interface OverviewRow {
  name: string;
  verdict: VerdictName;
  verdict_words: string;
  where: string;
  cause: string;
  fix: string;
}

interface Payload {
  title: string;
  exit_code: number;
  overview: OverviewRow[];
  glossary: { [word: string]: string };
  left_out: string[];
  results: Result[];
}

/** What a cell of a table shows, and what it is sorted and exported by. */
type Cell = string | number | null | { text: string; value: string | number | null; node?: () => Node };

interface Column {
  name: string;
  kind?: "text" | "code" | "number" | "prose";
  explanation?: string;
}

interface TableOptions {
  /** The name of the file without ".csv". */
  csvName: string;
  /** Makes what a row shows when it is opened. */
  expand?: (row: number) => Node;
  pageSize?: number;
  label?: string;
}
