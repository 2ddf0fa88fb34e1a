// FreePort finds ports of 127.0.0.1 that nobody listens on.
#ifndef BIRTHMARK_TESTS_SUPPORT_FREE_PORT_H_
#define BIRTHMARK_TESTS_SUPPORT_FREE_PORT_H_

namespace birthmark::tests {

// FreePort returns a port that the kernel says is free. Somebody else may take
// it, so it is used at once. Ends the program if there is none.
int FreePort();

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_FREE_PORT_H_
