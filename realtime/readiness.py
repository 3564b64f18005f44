READY_CHANNEL = "http.ready"
