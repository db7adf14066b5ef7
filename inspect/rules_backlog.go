package inspect

var upstreamBacklogFull = &Rule{
	ID: "upstream-backlog-full", Hop: HopResponse, Scope: OfRoute, Severity: Error, Live: true, Causes: "D13",
	Title: "the upstream accepts no more connections",
	Why: `A process that is busy, or stuck, accepts none of the connections that come. The kernel lets some wait, as many
as the backlog that the app asks for, and drops the others: "upstream timed out (110) while connecting to upstream", 504.`,
	Bad:  `command: gunicorn --workers 1 --backlog 16 app:app   # and each request takes a minute`,
	Good: `command: gunicorn --workers 4 --threads 8 app:app`,
	Fix:  "find out what keeps the app, give it more workers or threads, and a longer backlog",
	Check: func(c *Case) *Finding {
		e, ok := c.meets(crowded)
		if !ok {
			return nil
		}
		return c.finding(Proven, Status504, "%s does not accept connections on port %d: those that wait have filled its backlog", e.box.Service, e.port).
			fix("see what keeps %s busy, and give it more workers", e.box.Service).run("docker compose logs %s", e.box.Service)
	},
	Settled: (*Case).queued,
}
