/** The final report of a run: its figures. */

/** What a run came to; written once, with its verdict. */
export interface RunReport {
  costMicrousd: number;
  /** From the command to the end. */
  seconds: number;
  /** Time of agents at work, all added up. */
  agentSeconds: number;
  /** Time at gates. */
  waitedSeconds: number;
  /** How often the fix stage was entered. */
  fixRounds: number;
  findings: { raised: number; fixed: number };
  /** Weighted mean of the votes; null when nobody voted. */
  consensus: number | null;
  /** `provider/model` that did the work, most tasks first. */
  models: string[];
}
