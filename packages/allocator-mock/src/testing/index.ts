export type { FaultScript, MockFault, MockOperation, ScriptedFault } from "../faults.ts";
export type { MockControl } from "./control.ts";
export { mockControl } from "./control.ts";
