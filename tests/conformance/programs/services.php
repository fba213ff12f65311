<?php
// What a PHP client does with the further operations: base address and output as arguments.
[$_, $base, $output] = $argv;
$options = ["cache_wsdl" => WSDL_CACHE_NONE];
$latmos = new SoapClient("$base/impex/latmos?wsdl", $options);
$fmi = new SoapClient("$base/impex/fmi?wsdl", $options);
$told = ["alive" => $latmos->isAlive()];
$flight = ["ResourceID" => $output, "Variable" => "Bx", "Spacecraft_name" => "MEX",
    "StartTime" => "2005-01-01T14:00:00", "StopTime" => "2005-01-01T15:00:00",
    "Sampling" => "PT5M"];
$told["orbit"] = $latmos->getDataPointValueSpacecraft($flight);
$told["older"] = $latmos->getDataPointValue_Spacecraft($flight);
$told["surface"] = $fmi->getSurface(["ResourceID" => $output, "Variable" => "Density",
    "PlanePoint" => [0, 0, 0], "PlaneNormalVector" => [0, 0, 1],
    "extraParams" => ["Resolution" => 2e6]]);
$told["runs"] = $fmi->getMostRelevantRun(["Object" => "Mars",
    "SW_parameters" => ["SW_Density" => ["value" => 3e6]]]);
try {
    $latmos->getDataPointValueSpacecraft(["Spacecraft_name" => "Sputnik"] + $flight);
} catch (SoapFault $fault) {
    $told["fault"] = $fault->faultactor;
}
echo json_encode($told);
