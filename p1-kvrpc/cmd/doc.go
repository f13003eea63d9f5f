// Package cmd holds the programs of stage 1, and the tests that run them as processes:
//
//	kvd     the server
//	kv      the client program, of this stage and all later ones
//	sim     the stage in the simulator
//	demo    the stage's main job, on real input
//	rpc     calls by hand: what a judge sees of package call
//	newton  square roots: what a judge sees of package newton
//	judge   examines a submission's programs from outside
package cmd
