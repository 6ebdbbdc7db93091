import { expect, test } from "bun:test";
import * as validation from "@vram-residency/validation";
import * as paths from "@vram-residency/validation/paths";

test("the package exports exactly these names", () => {
  expect(Object.keys(validation).sort()).toEqual([
    "GROUP_MEMBERS_MAX",
    "MAX_MODEL_BYTES_DEFAULT",
    "MOCK_DEVICES_MAX",
    "MODEL_REF_BYTES_MAX",
    "PATH_BYTES_MAX",
    "STAGING_BYTES_DEFAULT",
    "TENSORS_MAX",
    "TENSOR_DIMENSIONS_MAX",
    "TENSOR_NAME_BYTES_MAX",
    "TIMER_MS_MAX",
    "WORKER_API_TOKEN_BYTES_MAX",
    "WORKER_API_TOKEN_BYTES_MIN",
    "assertTensorsFit",
    "parseByteSource",
    "parseConfig",
    "parseGroup",
    "parseMockOptions",
    "parseModelRef",
    "parseModelSize",
    "parseOpenOptions",
    "parseSealOptions",
    "parseVerifyOptions",
  ]);
});

test("its paths are a part of their own, with exactly these names", () => {
  expect(Object.keys(paths).sort()).toEqual(["assertUnder", "resolveUnder"]);
});
