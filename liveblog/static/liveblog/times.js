// For pages without a stream: the times in the reader's own time zone.

import { showLocalTimes } from "./page.js";

showLocalTimes(document);
