// Answers chips with ONNX Runtime for Node: MODEL CHIPS.npy ANSWERS.npy, both float32 in C order.
// NODE_PATH names the folder that has onnxruntime-node.
const fs = require("fs");
const ort = require("onnxruntime-node");

const HEADER_START = 10; // magic, version 1.0, length of the header in two bytes

function readArray(path) {
  const bytes = fs.readFileSync(path);
  const start = HEADER_START + bytes.readUInt16LE(8);
  const shape = bytes.toString("latin1", HEADER_START, start).match(/\(([\d, ]+)\)/)[1];
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
  return new ort.Tensor("float32", values, shape.split(",").filter((part) => part.trim()).map(Number));
}

function writeArray(path, tensor) {
  const facts = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tensor.dims.join(", ")}), }`;
  const header = facts.padEnd(Math.ceil((HEADER_START + facts.length + 1) / 64) * 64 - HEADER_START - 1) + "\n";
  const magic = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length & 255, header.length >> 8]);
  fs.writeFileSync(path, Buffer.concat([magic, Buffer.from(header), Buffer.from(tensor.data.buffer)]));
}

async function main(model, chips, answers) {
  const session = await ort.InferenceSession.create(model);
  const feed = { [session.inputNames[0]]: readArray(chips) };
  await session.run(feed);
  const started = process.hrtime.bigint();
  const found = await session.run(feed);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  writeArray(answers, found[session.outputNames[0]]);
  const version = require("onnxruntime-node/package.json").version;
  console.log(JSON.stringify({ runtime: `ONNX Runtime for Node ${version}`, seconds }));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
