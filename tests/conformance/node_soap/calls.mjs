// A client of the SOAP interface, made by the npm package soap from the description at argv[2]. Every line of standard
// input is a call, `{"operation": ..., "arguments": {...}}`; every line of output its result, the members of `returned`,
// or the `fault`.
import { createInterface } from "node:readline";
import soap from "soap";

const options = { handleNilAsNull: true, customDeserializer: { dateTime: (text) => text } };
const client = await soap.createClientAsync(process.argv[2], options);
console.log(JSON.stringify({ operations: Object.keys(client.describe().ICATService.ICATPort) }));

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, arguments: given } = JSON.parse(line, dates);
  try {
    const [result] = await client[`${operation}Async`](given);
    console.log(JSON.stringify({ returned: result?.return ?? null }));
  } catch (problem) {
    const fault = problem.root?.Envelope.Body.Fault;
    console.log(JSON.stringify({ fault: fault ?? { faultstring: String(problem) } }));
  }
}

// JSON has no dates: `{"$date": "2025-03-12T11:40:26Z"}` stands for one.
function dates(_name, value) {
  return value?.$date === undefined ? value : new Date(value.$date);
}
