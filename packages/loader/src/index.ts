export type { DeviceFit, DeviceRoom, FitOptions } from "./fit.ts";
export { fitPlan } from "./fit.ts";
export type { LoadedModel, LoadOptions, LoadProgress } from "./load.ts";
export { loadModel } from "./load.ts";
export type { PlannedShard, PlanOptions, ResidencyPlan } from "./plan.ts";
export { planModel } from "./plan.ts";
