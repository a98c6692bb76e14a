# Databricks notebook source
import a_module_of_the_author
