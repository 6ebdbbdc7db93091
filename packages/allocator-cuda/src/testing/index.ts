/**
 * CUDA over another driver than the machine's, for tests. What answers may be a fake; the allocator then says so, and no
 * policy that wants a pinned library accepts it.
 *
 * @module
 */
export { openTestCuda, type TestDriver } from "./open-over-driver.ts";
