<?php
// What a PHP client of the IMPEx services does: endpoint, output and URL of points as arguments.
[$_, $endpoint, $output, $points] = $argv;
$client = new SoapClient("$endpoint?wsdl", ["cache_wsdl" => WSDL_CACHE_NONE, "trace" => true]);
$told = ["alive" => $client->isAlive()];
$call = ["ResourceID" => $output, "url_XYZ" => $points];
$told["votable"] = $client->getDataPointValue($call);
$told["ascii"] = $client->getDataPointValue(
    $call + ["Variable" => "Bx,By", "extraParams" => ["OutputFileType" => "ASCII"]]);
$told["lines"] = $client->getFieldLine(
    $call + ["Variable" => "Ux", "extraParams" => ["Direction" => "Both", "MaxSteps" => 3]]);
$x = ["name" => "X", "data" => "5e6 6e6"];
$fields = [$x, ["name" => "Y", "data" => ["0", "0"]], ["name" => "Z", "data" => "0,1"]];
$told["table"] = $client->getVOTableURL(["Table_name" => "points", "Fields" => $fields]);
$told["fed"] = $client->getDataPointValue(["ResourceID" => $output, "url_XYZ" => $told["table"]]);
$told["single"] = $client->getVOTableURL(["Fields" => ["name" => "a", "data" => "1 2 3"]]);
try {
    $client->getDataPointValue(["ResourceID" => "nonsense", "url_XYZ" => $points]);
} catch (SoapFault $fault) {
    $told["fault"] = [$fault->faultcode, $fault->faultstring, $fault->faultactor];
}
echo json_encode($told);
