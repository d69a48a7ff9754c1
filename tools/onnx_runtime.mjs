// SPDX-License-Identifier: Apache-2.0
// Exported networks run by ONNX Runtime: node tools/onnx_runtime.mjs FOLDER, where FOLDER was filled
// by the test onnx_export with EG_ONNX_KEEP=FOLDER, and onnxruntime-node is found from there
// (npm install --ignore-scripts onnxruntime-node). Exit 1: scores differ.
// node tools/onnx_runtime.mjs FOLDER MODEL.onnx [THREADS]: the median time of a run on zeros at
// batch 1, beside which engram import --time stands.
import { createRequire } from "node:module";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const folder = resolve(process.argv[2]);
const ort = createRequire(folder + "/")("onnxruntime-node");
const floats = (name) => {
    const bytes = readFileSync(`${folder}/${name}`);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
if (process.argv.length > 3) {
    const threads = Number(process.argv[4] ?? 1);
    const session = await ort.InferenceSession.create(process.argv[3],
        { intraOpNumThreads: threads, interOpNumThreads: 1 });
    const input = session.inputMetadata[0];
    const dims = input.shape.map((size) => (typeof size === "number" && size > 0 ? size : 1));
    const x = new ort.Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b)), dims);
    const times = [];
    for (let i = 0; i < 21; i++) {
        const start = performance.now();
        await session.run({ [input.name]: x });
        if (i > 0) times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    console.log(`${times[10].toFixed(1)} ms`);
    process.exit(0);
}
let failed = 0, count = 0;
for (const file of readdirSync(folder).filter((name) => name.endsWith(".onnx")).sort()) {
    const stem = file.slice(0, -5);
    try {
        const session = await ort.InferenceSession.create(`${folder}/${file}`);
        const x = floats(`${stem}.in`), want = floats(`${stem}.want`);
        const batch = 5, meta = session.inputMetadata?.[0];
        const rest = (meta?.shape ?? []).slice(1).map(Number);
        const dims = [batch, ...(rest.length > 0 ? rest : [x.length / batch])];
        const y = (await session.run({ input: new ort.Tensor("float32", x, dims) })).scores.data;
        let worst = 0;
        want.forEach((v, i) => { worst = Math.max(worst, Math.abs(v - y[i]) / (1 + Math.abs(v))); });
        console.log(`${file}: ${worst.toExponential(1)}`);
        failed += !(worst <= 2e-5) || y.length !== want.length;
    } catch (error) {
        console.log(`${file}: ${error.message}`);
        failed++;
    }
    count++;
}
console.log(`${count} networks, ${failed} differ`);
process.exit(failed > 0 || count === 0 ? 1 : 0);
