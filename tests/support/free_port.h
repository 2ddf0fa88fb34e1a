// FreePort finds ports of 127.0.0.1 that nobody listens on.
#ifndef BIRTHMARK_TESTS_SUPPORT_FREE_PORT_H_
#define BIRTHMARK_TESTS_SUPPORT_FREE_PORT_H_

namespace birthmark::tests {

// FreePort returns a port that the kernel says is free, below the range from
// which it takes those of outgoing connections: of these other tests make
// thousands. Each process begins elsewhere and asks for another one each time.
// Ends the program if there is none.
int FreePort();

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_FREE_PORT_H_
