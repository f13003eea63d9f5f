// Package cmd holds the programs of stage 1, and the tests that run them as processes:
//
//	kvd   the server
//	kv    the client program, of this stage and all later ones
//	sim   the stage in the simulator
//	demo  the stage's main job, on real input
package cmd
