// Shows the balance. Requests it after every connect, because notices may have been missed.

import { openSocket, showState } from "../site/open-socket.js";

const account = document.querySelector("[data-account]");
const amount = account.querySelector("[data-balance]");
const warning = account.querySelector("[data-insufficient]");
const money = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 2 });

const socket = openSocket("/channel/users/isinsufficient/", {
  onOpen: () => socket.send({ ask: "balance" }),
  onState: (name, code) => showState(account.querySelector("[data-status]"), name, code),
  onFrame({ isInsufficient, balance }) {
    if (isInsufficient === undefined) return;
    amount.textContent = money.format(balance);
    warning.hidden = !isInsufficient;
  },
});
