// Package zoo keeps wrong variants of a stage, which its tests must catch, and right
// ones, built differently, which they must let pass.
//
// A wrong variant is a patch in the stage's folder mutants, see package mutant; a right
// one is a folder in mutants/right, whose files stand in place of those at the same
// path in the stage's folder (or from the root, if the path begins with that folder).
// Variants are laid over the tree by the compiler's -overlay: the tree stays as it is,
// and only Go files can vary. The stage is compiled without inlining, with and without
// a variant: most of the time goes into compiling.
//
// A mutant is killed by the first check that fails on it and passes on the tree as it
// is, which must compile. The checks of the steps whose functions it changes are tried
// first, and cheap ones before dear ones; a check whose program holds nothing of a
// variant is not tried at all. A mutant that does not build, or whose patch does not
// fit, is an error and no kill. A mutant whose header names the instrument R is tried once more
// under the race detector, if nothing else catches it.
package zoo
