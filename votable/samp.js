// The page that sends a table: asks the node for the message, and a SAMP hub of this computer to
// pass it on. SAMP 1.3, section 5 (web profile): XML-RPC over HTTP to a fixed port of localhost.
"use strict";

const HUB = "http://localhost:21012/";
const PATIENCE = "30"; // seconds for a client to load the table

const element = (name) => document.getElementById(name);

function say(text, kind = "") {
  element("state").textContent = text;
  element("state").className = kind;
}

function list(name, text, kind = "") {
  const item = document.createElement("li");
  item.textContent = `${name}: ${text}`;
  item.className = kind;
  element("clients").append(item);
  return (later, how) => {
    item.textContent = `${name}: ${later}`;
    item.className = how;
  };
}

// XML-RPC knows strings, lists and maps here; SAMP has nothing else.
function encoded(xml, value) {
  const node = (name, ...children) => {
    const made = xml.createElement(name);
    made.append(...children);
    return made;
  };
  if (typeof value === "string") {
    return node("value", node("string", value));
  }
  if (Array.isArray(value)) {
    return node("value", node("array", node("data", ...value.map((v) => encoded(xml, v)))));
  }
  const members = Object.entries(value).map(([key, v]) =>
    node("member", node("name", key), encoded(xml, v)),
  );
  return node("value", node("struct", ...members));
}

function decoded(value) {
  const inner = value.firstElementChild;
  if (inner === null) {
    return value.textContent;
  }
  if (inner.tagName === "struct") {
    const pairs = [...inner.children].map((member) => [
      member.querySelector(":scope > name").textContent,
      decoded(member.querySelector(":scope > value")),
    ]);
    return Object.fromEntries(pairs);
  }
  if (inner.tagName === "array") {
    return [...inner.querySelectorAll(":scope > data > value")].map(decoded);
  }
  return inner.textContent;
}

async function ask(method, ...params) {
  const xml = document.implementation.createDocument("", "methodCall");
  const name = xml.createElement("methodName");
  name.textContent = `samp.webhub.${method}`;
  const list = xml.createElement("params");
  for (const value of params) {
    const param = xml.createElement("param");
    param.append(encoded(xml, value));
    list.append(param);
  }
  xml.documentElement.append(name, list);
  const answer = await fetch(HUB, {
    method: "POST",
    headers: { "Content-Type": "text/xml" },
    body: `<?xml version="1.0"?>\n${new XMLSerializer().serializeToString(xml)}`,
  });
  const reply = new DOMParser().parseFromString(await answer.text(), "text/xml");
  const fault = reply.querySelector("methodResponse > fault > value");
  if (fault !== null) {
    throw new Error(decoded(fault).faultString);
  }
  const value = reply.querySelector("methodResponse > params > param > value");
  return value === null ? "" : decoded(value);
}

async function message(result) {
  const answer = await fetch(`samp/message?result=${encodeURIComponent(result)}`);
  const told = await answer.json();
  if (!answer.ok) {
    throw new Error(told.error);
  }
  return told;
}

async function sendTo(key, client, wire) {
  const told = await ask("getMetadata", key, client);
  const name = told["samp.name"] || client;
  const later = list(name, "is loading it");
  try {
    const reply = await ask("callAndWait", key, client, wire, PATIENCE);
    if (reply["samp.status"] === "samp.error") {
      throw new Error((reply["samp.error"] || {})["samp.errortxt"] || "it gave no reason");
    }
    later("has loaded it", "ok");
    return true;
  } catch (error) {
    later(error.message, "bad");
    return false;
  }
}

async function register() {
  say("Waiting for your consent in the program that runs the hub");
  try {
    const told = await ask("register", { "samp.name": document.title });
    return told["samp.private-key"];
  } catch (error) {
    if (error instanceof TypeError) {
      throw new Error("No SAMP hub answers on this computer; start TOPCAT or Aladin, and try again");
    }
    throw new Error(`The hub refused: ${error.message}`);
  }
}

async function send(result) {
  element("clients").replaceChildren();
  say("Asking this node for the table");
  const wire = await message(result);
  const key = await register();
  try {
    await ask("declareMetadata", key, { "samp.name": document.title });
    const clients = Object.keys(await ask("getSubscribedClients", key, wire["samp.mtype"]));
    if (clients.length === 0) {
      throw new Error("No program that takes tables is connected to the hub");
    }
    say(`Sending to ${clients.length} program${clients.length === 1 ? "" : "s"}`);
    const taken = await Promise.all(clients.map((client) => sendTo(key, client, wire)));
    const count = taken.filter(Boolean).length;
    say(`Loaded by ${count} of ${clients.length}`, count ? "ok" : "bad");
  } finally {
    await ask("unregister", key).catch(() => "");
  }
}

element("result").value = new URLSearchParams(location.search).get("result") || "";
element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  element("send").disabled = true;
  send(element("result").value.trim())
    .catch((error) => say(error.message, "bad"))
    .finally(() => {
      element("send").disabled = false;
    });
});
