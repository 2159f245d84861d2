// Keeps a program's servers on this machine, whatever they ask for: `node --require`, or an import.
const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const [first, second] = given;
  if (first !== null && typeof first === "object" && "port" in first) {
    given[0] = { ...first, host: "127.0.0.1" };
  } else if (typeof second === "string") {
    given[1] = "127.0.0.1";
  } else if (typeof first !== "object") {
    given.splice(1, 0, "127.0.0.1");
  }
  return listen.apply(this, given);
};
