// Package judged says what stage 1's judge demands of a submission, step by step.
//
// Everything of a submission runs in processes of its own (package judge). What it
// is compared with is staff's: the table of a submission is asked by staff's sessions
// and the other way round, in worlds that live in the judge, with staff's network,
// clock and judges. Only machines are at the far end of a pipe, a step at a time.
//
//	p1.0       numbers go into cmd/newton, roots come out
//	p1.1       cmd/rpc ask talks to the judge's servers, right ones and hostile ones
//	p1.2       the judge's clients, right ones and hostile ones, talk to cmd/rpc serve
//	p1.3-p1.5  the table behind cmd/sim -pipe, under the cases of kvtest
//	p1.6       the session machine behind it, with a table of the judge's
//	p1.7-p1.8  the table again; at last the whole: cmd/kvd and cmd/kv
package judged
