"use strict";

const phone = document.getElementById("phone");
const message = document.getElementById("message");
const state = () => "/simulator/subscribers/" + encodeURIComponent(phone.value) + "/state";

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = await answer.json();
  message.textContent = answer.ok ? "" : json.message;
  return json;
}

function text(tag, content) {
  const element = document.createElement(tag);
  element.textContent = content;
  return element;
}

async function showPhone() {
  const now = await ask("GET", state());
  const place = now.place.center ? `${now.place.center.latitude}, ${now.place.center.longitude}` : now.place.areaType ?? now.place;
  const facts = [
    ["Network", now.type],
    ["Reachable by", now.connectivity.join(", ") || "nothing: it is switched off"],
    ["Roaming", now.roaming ? now.roaming.countryName.join(", ") : "no"],
    ["Place", place],
    ["SIM changed", now.simChange ?? "not known"],
    ["Subscriptions", now.subscriptions],
  ];
  document.getElementById("state").replaceChildren(...facts.flatMap(([name, value]) => [text("dt", name), text("dd", value)]));
}

async function showEvents() {
  const { events } = await (await fetch("/simulator/events")).json();
  const rows = events.slice(-50).reverse().map((event) => {
    const row = document.createElement("tr");
    row.append(...[event.time, event.type, event.phoneNumber ?? "", event.outcome, event.status ?? "", event.attempts].map((cell) => text("td", cell)));
    return row;
  });
  document.getElementById("events").replaceChildren(...rows);
}

async function happen(method, body) {
  await ask(method, state(), body);
  const problem = message.textContent;
  await showPhone();
  message.textContent = problem;
  setTimeout(showEvents, 300);
}

async function begin() {
  const { subscribers } = await ask("GET", "/simulator/subscribers");
  phone.replaceChildren(...subscribers.map((one) => {
    const option = text("option", `${one.phoneNumber}  ${one.note}`);
    option.value = one.phoneNumber;
    return option;
  }));
  const wanted = new URLSearchParams(location.search).get("subscriber");
  if (wanted) phone.value = wanted.replace(/^ ?\+?/, "+");
  const names = {
    "device-roaming-status-subscriptions": ["roaming-status", "roaming-on", "roaming-off", "roaming-change-country"],
    "device-reachability-status-subscriptions": ["reachability-data", "reachability-sms", "reachability-disconnected"],
    "connected-network-type-subscriptions": ["network-type-changed"],
    "geofencing-subscriptions": ["area-entered", "area-left"],
    "sim-swap-subscriptions": ["swapped"],
  };
  document.getElementById("types").replaceChildren(...Object.entries(names).flatMap(([api, kinds]) => kinds.map((kind) => {
    const option = document.createElement("option");
    option.value = `org.camaraproject.${api}.v0.${kind}`;
    return option;
  })));
  await showPhone();
  await showEvents();
  setInterval(showEvents, 2000);
}

phone.addEventListener("change", showPhone);
document.getElementById("acts").addEventListener("click", (click) => {
  const change = click.target.dataset?.change;
  if (change) happen("POST", JSON.parse(change));
});
document.getElementById("restore").addEventListener("click", () => happen("DELETE"));
document.getElementById("order").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const order = { phoneNumber: phone.value, type: document.getElementById("type").value, mode: document.getElementById("mode").value };
  const answer = await ask("POST", "/simulator/events", order);
  if (answer.subscriptionIds) message.textContent = `Sent to ${answer.subscriptionIds.length} ${answer.subscriptionIds.length === 1 ? "subscription" : "subscriptions"}.`;
  setTimeout(showEvents, 300);
});
begin();
