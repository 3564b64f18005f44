// The page of alerts.

import { manage } from "./alerts.js";

manage(document.querySelector("[data-alerts-panel]"));
