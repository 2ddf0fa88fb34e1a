// The commands of each family. main.cc puts the tables together.

#ifndef BIRTHMARK_SERVICES_CLI_COMMANDS_H_
#define BIRTHMARK_SERVICES_CLI_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace birthmark::cli {

std::vector<Command> InitCommands();            // init
std::vector<Command> FleetCommands();           // fleet create|list|get
std::vector<Command> LineCommands();            // line create|list|disable
std::vector<Command> ProvisionCommands();       // provision
std::vector<Command> DeviceIdentityCommands();  // device register|renew|...
std::vector<Command> DeviceCommands();          // device get|update|keys|...
std::vector<Command> DeviceListCommands();      // device list|count
std::vector<Command> DeviceStreamCommands();    // device export|watch
std::vector<Command> DeviceActCommands();       // device quarantine|release|...
std::vector<Command> DeviceEndCommands();       // device decommission...
std::vector<Command> DeviceWipeCommands();      // device confirm-wipe|...
std::vector<Command> DeviceJobCommands();       // device-job list|get|...
std::vector<Command> KeyCommands();             // key block, key-audit ...
std::vector<Command> FindingCommands();         // finding list|get|...
std::vector<Command> TransferCommands();        // transfer ..., replacement ...
std::vector<Command> PrivacyCommands();         // privacy export|erase
std::vector<Command> CertificateCommands();     // certificate list|get|...
std::vector<Command> KeyCompromiseCommands();   // certificate report-compromise
std::vector<Command> RevocationCommands();      // revocation list
std::vector<Command> RevocationJobCommands();   // revocation-job create|...
std::vector<Command> CrlCommands();             // crl get|shards
std::vector<Command> OperatorCommands();        // operator add

std::vector<Command> EnforcementPointCommands();  // enforcement-point ...
std::vector<Command> SyncCrlCommands();           // sync-crl

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_COMMANDS_H_
